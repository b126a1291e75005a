"""What differs between architectures: how an image or a clip is shown to the model. One file each."""
