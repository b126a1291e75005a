"""Files from strangers become clean RGB pixels with timestamps."""
