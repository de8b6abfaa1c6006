import FedifyKv
import MySQLClient

/// A validated JSON value, with the properties that decide whether a server can keep it.
package struct ValidatedValue: Sendable {
    /// The size of a statement without its bound values, an upper bound.
    package static let packetOverhead = 512

    let value: JSONValue
    let summary: JSONSummary

    /// - Throws: `KvError` `invalidValue` if it isn't JSON.
    init(_ value: JSONValue) throws(KvError) {
        self.value = value
        summary = try value.summary()
    }

    var parameter: MySQLParameter { .text(value.json) }

    /// Throws if this server would alter the value, or could not return it.
    func check(for connection: MySQLConnection, with key: KvKey) throws(KvError) {
        let dialect = Dialect(connection.server)
        guard dialect.keeps(summary) else {
            throw KvError(
                .unsupportedValue,
                "the value has a number that MySQL would round: it keeps integers of 64 bits and "
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
