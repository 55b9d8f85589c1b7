"""The small ports between the faces and a platform; `core.ports` has the lifecycle's own."""
