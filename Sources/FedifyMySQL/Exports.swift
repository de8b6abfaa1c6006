// A store is created from a pool, so importing the store imports the pool.
@_exported public import MySQLClient
