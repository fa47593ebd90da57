"""After a call: verify the stored segments and publish them."""
