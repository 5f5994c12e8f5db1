"""V (a variational autoencoder) and M (an MDN-RNN): their weights, their NumPy and Keras code, and their training."""
