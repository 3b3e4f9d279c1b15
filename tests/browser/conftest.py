from workflow.fixtures import finished

__all__ = ["finished"]
