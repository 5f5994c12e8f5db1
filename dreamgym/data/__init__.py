"""What was played: episodes, how they are collected, and the latents that V makes of them."""
