"""The page: everything that knows Gradio. It asks `backend` and is asked by `app.py` alone."""
