// A store is made from a pool: whoever imports the store has the pool too.
@_exported public import MySQLClient
