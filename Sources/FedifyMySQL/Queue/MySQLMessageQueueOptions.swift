public import FedifyMQ

/// The options of a ``MySQLMessageQueue``.
public struct MySQLMessageQueueOptions: Sendable {
    /// The table's name: a letter or underscore, then letters, digits and underscores, at most 46 characters (Fedify:
    /// the names of its indexes are longer, and the server's limit is 64).
    public var tableName = "fedify_mq"
    /// The clock of `deliver_after`. The client's clock and time zone never matter. Fedify's TypeScript queue uses
    /// the session's time zone; UTC is for a table that is not shared with it, on a server that has another time zone.
    public var clock = MySQLKvStoreOptions.ExpiryClock.sessionTimeZone
    /// How typed messages are encoded and decoded.
    public var coding = JSONCoding.default
    /// Leases, attempts, and ordering keys.
    public var delivery = DeliveryOptions()
    /// The longest pause between two looks for messages of other processes. While messages come, the pauses are
    /// shorter, down to 5 milliseconds.
    public var pollInterval: Duration = .milliseconds(250)
    /// The maximum number of messages that one statement enqueues for concurrent callers. See <doc:Batching>.
    public var maximumRows = 128

    /// The table `fedify_mq`, the session's time zone, a look every 250 milliseconds.
    public init() {}

    /// - Throws: `MQError` `invalidConfiguration`.
    func validate() throws(MQError) {
        if let reason = TableName.rule(broken: tableName, limit: 46, "idx_<table>_deliver_after") {
            throw MQError(.invalidConfiguration, reason)
        }
        guard pollInterval >= .milliseconds(1), pollInterval <= .seconds(3600) else {
            throw MQError(.invalidConfiguration, "the poll interval must be from a millisecond to an hour")
        }
        guard (1...1000).contains(maximumRows) else {
            throw MQError(.invalidConfiguration, "a statement can have from 1 to 1000 rows")
        }
        try delivery.validate()
    }
}
