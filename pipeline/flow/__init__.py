"""Order of the stages, units on executors, and the border that catches."""
