"""Neural networks on NumPy: flat parameters, layers with preallocated buffers, one training loop."""
