"""Object storages and web servers: one module for each service or library, imported when it is used."""
