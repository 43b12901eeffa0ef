"""What tests share: data, stand-ins, hosts, and ways to compare."""
