"""fit(): passes over the rows until the distance from the least loss is known, and the model that they make."""
