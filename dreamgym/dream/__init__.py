"""Steps of dreams: the random numbers, the steppers of one, few and many dreams, and the rollout of a population."""
