"""People: age estimates and silhouettes."""
