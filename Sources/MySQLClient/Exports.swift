@_exported public import MySQLProtocol
