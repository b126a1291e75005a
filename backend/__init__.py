"""Everything behind the page: values, media, engines, history and tasks.

It knows no Gradio. Imports run one way: `chat > tasks, history > engine > media > types, errors`.
"""
