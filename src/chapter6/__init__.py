"""A reproducible study of the chapter on techniques related to learning."""
