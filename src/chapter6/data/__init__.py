"""MNIST: from mirrors to arrays."""
