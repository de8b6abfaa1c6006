import FedifyKv
import MySQLClient

/// A value that is JSON, with what must be known of it before it goes to a server.
struct ValidatedValue: Sendable {
    /// What a statement has beside the texts bound to it, generously.
    static let packetOverhead = 512

    let value: JSONValue
    let summary: JSONSummary

    /// - Throws: `KvError` `invalidValue` if it isn't JSON.
    init(_ value: JSONValue) throws(KvError) {
        self.value = value
        summary = try value.summary()
    }

    var parameter: MySQLParameter { .text(value.json) }

    /// Refuses a value that this server would alter, or could not send back.
    func check(for connection: MySQLConnection, with key: KvKey) throws(KvError) {
        let dialect = Dialect(connection.server)
        guard dialect.keeps(summary) else {
            throw KvError(
                .unsupportedValue,
                "the value has a number that MySQL would store as another one: it keeps integers of 64 bits and "
                    + "doubles; write the number as a string")
        }
        let size = dialect.readSize(summary) + key.serialized.utf8.count + Self.packetOverhead
        let limit = connection.server.maximumPacketSize
        guard size <= limit else {
            throw KvError(
                .valueTooLarge,
                "the value has \(summary.byteCount) bytes; with its key it must stay below \(limit), the lower of the "
                    + "server's max_allowed_packet and the client's maximumPacketSize")
        }
    }
}
