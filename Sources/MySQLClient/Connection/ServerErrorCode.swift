/// Error numbers of MySQL and MariaDB with a special meaning. (MySQL: "Server Error Message
/// Reference"; MariaDB: "MariaDB Error Code Reference".)
package enum ServerErrorCode {
    /// Deadlock, 1213: the transaction was rolled back.
    package static let deadlock: UInt32 = 1213
    /// Lock wait timeout, 1205: the statement was rolled back.
    package static let lockWaitTimeout: UInt32 = 1205
    /// Duplicate key, 1062.
    package static let duplicateKey: UInt32 = 1062
    /// No such table, 1146.
    package static let noSuchTable: UInt32 = 1146
    /// There is no such database: 1049.
    static let unknownDatabase: UInt32 = 1049
    /// No such column, 1054.
    package static let unknownColumn: UInt32 = 1054
    /// The column exists, 1060.
    package static let duplicateColumn: UInt32 = 1060
    /// The index exists, 1061.
    package static let duplicateIndex: UInt32 = 1061

    /// The statement was not applied and may be retried on the same connection: deadlock, lock wait timeout,
    /// a row that another transaction has changed (1020, by `innodb_snapshot_isolation`, which MariaDB has on
    /// since 11.6), a definition that changed under a prepared statement (1412, 1615), a query killed by an operator
    /// (1317) or by the server's time limit (MariaDB 1969, MySQL 3024), the limit of prepared statements (1461),
    /// a conflict with another member of Group Replication (3101, rolled back), and a proxy without a server (1040,
    /// 1203, ProxySQL's 9001).
    package static let transient: Set<UInt32> = [
        1020, 1040, 1203, 1205, 1213, 1317, 1412, 1461, 1615, 1969, 3024, 3101, 9001,
    ]
    /// The server's limit of prepared statements, over all clients, 1461.
    package static let tooManyPreparedStatements: UInt32 = 1461

    /// The server accepts no writes at present: read-only (1290, 1836), a read-only transaction (1792), a member of
    /// Group Replication that may not write (3100), a Galera node that isn't ready (1047). Nothing was applied; a retry
    /// may succeed, later or on another server.
    package static let notWritable: Set<UInt32> = [1047, 1290, 1792, 1836, 3100]

    /// The connection can't be used any more: shutdown (1053), killed (1927), idle too long (4031), network trouble
    /// (1158 to 1161), an unknown prepared statement (1243: a proxy has switched servers).
    static let endsConnection: Set<UInt32> = [1053, 1158, 1159, 1160, 1161, 1243, 1927, 4031]

    /// The server returned an error, but may have applied the statement: an error during COMMIT (1180),
    /// a shutdown (1053) or a kill (1927) during its execution.
    package static let outcomeUnknown: Set<UInt32> = [1053, 1180, 1927]

    /// The message quotes data: a duplicate key, an invalid value, the name of a lock.
    static let quotesData: Set<UInt32> = [1062, 1292, 1366, 1406, 1411, 3057, 3140, 3141, 3854]

    /// Access denied: wrong password or host, no rights on the database, unknown database, expired
    /// password, locked account, unknown method, no encryption.
    static let accessDenied: Set<UInt32> = [
        1044, 1045, 1049, 1130, 1251, 1275, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151,
    ]

    /// The server accepts only encrypted connections (`require_secure_transport`): 3159.
    static let secureTransportRequired: UInt32 = 3159

    /// The table is there already: 1050.
    package static let tableExists: UInt32 = 1050
    /// "Specified key was too long": a limit that depends on the size of InnoDB's pages.
    package static let keyTooLong: UInt32 = 1071
    /// A date past the year 9999 (MySQL and MariaDB: "Datetime function: %-.32s field overflow").
    package static let datetimeOverflow: UInt32 = 1441
    /// MySQL: "The JSON document exceeds the maximum depth."
    package static let jsonTooDeep: UInt32 = 3157
    /// MariaDB: "CONSTRAINT %`s failed for %`-.192s.%`-.192s".
    package static let constraintFailed: UInt32 = 4025
    /// MySQL: invalid JSON text, or an unsupported character set or number.
    package static let invalidJSON: Set<UInt32> = [3140, 3141, 3144]
    /// A packet larger than `max_allowed_packet`: 1153, or a function's result that would be: 1301.
    package static let packetTooLarge: Set<UInt32> = [1153, 1301]

    /// Wrong password or account, or an account that asks for TLS or a certificate: 1045.
    static let wrongPassword: UInt32 = 1045
    /// No account for this user from this host: 1045, 1130, 1698 (MariaDB, `unix_socket`).
    static let noAccountForHost: Set<UInt32> = [1045, 1130, 1698]

    /// A session variable that this user may not set (1227), or that can't be set so (1238).
    static let variableDenied: Set<UInt32> = [1227, 1238]
    /// As ``variableDenied``; or the server doesn't know the variable (1193), or both of its names are in comments that
    /// this server does not read (1064).
    static let variableRefused: Set<UInt32> = [1064, 1193, 1227, 1238]
}
