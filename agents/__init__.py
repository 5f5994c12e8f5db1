"""Ways of getting better: evolution and PPO. They see the world through Gymnasium and dreamgym's public names."""
