"""How the tasks share the training, one balancer a file, and the junction; knows no task."""
