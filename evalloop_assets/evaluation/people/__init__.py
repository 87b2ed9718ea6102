"""People who compare replies: who is still needed, how well they agree, and how far one may trust a gold label."""
