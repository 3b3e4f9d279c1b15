from .fixtures import finished, fresh, project

__all__ = ["finished", "fresh", "project"]
