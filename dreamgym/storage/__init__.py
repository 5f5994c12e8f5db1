"""Remote storage: what is made here is kept in a bucket too, and fetched from it where it is missing."""
