"""Lists the models we know, probes the machine, and chooses the model that it gets."""
