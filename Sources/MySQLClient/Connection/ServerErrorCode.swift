/// Error numbers of MySQL and MariaDB that mean something to us. (MySQL: "Server Error Message
/// Reference"; MariaDB: "MariaDB Error Code Reference".)
package enum ServerErrorCode {
    /// Another transaction was chosen over ours: 1213. Rolled back.
    package static let deadlock: UInt32 = 1213
    /// A row stayed locked for too long: 1205. The statement was rolled back.
    package static let lockWaitTimeout: UInt32 = 1205
    /// The primary key is taken: 1062.
    package static let duplicateKey: UInt32 = 1062
    /// There is no such table: 1146.
    package static let noSuchTable: UInt32 = 1146
    /// The index is there already: 1061.
    package static let duplicateIndex: UInt32 = 1061

    /// The statement was not carried out and may be sent again on the same connection: deadlock, lock wait timeout,
    /// a row that another transaction changed meanwhile (1020, by `innodb_snapshot_isolation`, which MariaDB has on
    /// since 11.6), a definition that changed under a prepared statement (1412, 1615), a query killed by an operator
    /// (1317) or by the server's limit on its time (MariaDB 1969, MySQL 3024), no room for a prepared statement (1461),
    /// a conflict with another member of Group Replication (3101, rolled back), and a proxy that had no connection to a
    /// server for it (1040, 1203, ProxySQL's 9001).
    package static let transient: Set<UInt32> = [
        1020, 1040, 1203, 1205, 1213, 1317, 1412, 1461, 1615, 1969, 3024, 3101, 9001,
    ]
    /// The server holds as many prepared statements, for all clients, as it may: 1461.
    package static let tooManyPreparedStatements: UInt32 = 1461

    /// The server takes no writes at present: read-only (1290, 1836), a read-only transaction (1792), a member of Group
    /// Replication that may not write (3100), a Galera node that isn't ready (1047). Nothing was carried out; another
    /// server, or this one later, may do it.
    package static let notWritable: Set<UInt32> = [1047, 1290, 1792, 1836, 3100]

    /// The connection can't be used after it: shutdown (1053), killed (1927), idle too long (4031), network trouble
    /// (1158 to 1161), a prepared statement that is unknown (1243: the server behind a proxy is another one).
    static let endsConnection: Set<UInt32> = [1053, 1158, 1159, 1160, 1161, 1243, 1927, 4031]

    /// The server answered with an error, and yet may have carried the statement out: an error during COMMIT (1180),
    /// a shutdown (1053) or a kill (1927) in its midst.
    package static let outcomeUnknown: Set<UInt32> = [1053, 1180, 1927]

    /// The message quotes data: a duplicate key, a value that is wrong in some way.
    static let quotesData: Set<UInt32> = [1062, 1292, 1366, 1406, 1411, 3140, 3141]

    /// The server lets the user not in: wrong password or host, no rights on the database, unknown database, expired
    /// password, locked account, unknown method, no encryption.
    static let accessDenied: Set<UInt32> = [
        1044, 1045, 1049, 1130, 1251, 1275, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151,
    ]

    /// The server takes encrypted connections only (`require_secure_transport`): 3159.
    static let secureTransportRequired: UInt32 = 3159
}
