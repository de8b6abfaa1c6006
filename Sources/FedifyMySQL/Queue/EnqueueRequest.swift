import FedifyJSON
import FedifyMQ
@_spi(Scheduling) import MySQLClient

/// A message to be enqueued.
struct EnqueueRequest: LaneRequest {
    let id: String
    let message: JSONValue
    let summary: JSONSummary
    /// Microseconds.
    let delay: Int64
    let orderingKey: String?
    /// An attempt before this one may have been carried out.
    var isRepeated = false

    var size: Int { summary.byteCount + 96 + (orderingKey?.utf8.count ?? 0) }

    var parameters: [MySQLParameter] { parameters(delay: delay) }

    // In microseconds.
    func parameters(delay: Int64) -> [MySQLParameter] {
        [.text(id), .text(message.json), .integer(delay), orderingKey.map(MySQLParameter.text) ?? .null]
    }

    /// Whether a handler may have it at once.
    var isImmediate: Bool { delay == 0 && orderingKey == nil && !isRepeated }

    /// Throws if this server would alter the message, or could not return it.
    func check(for connection: MySQLConnection) throws(MQError) {
        let dialect = Dialect(connection.server)
        guard dialect.keeps(summary) else {
            throw MQError(
                .unsupportedMessage,
                "the message has a number that MySQL would round: it keeps integers of 64 bits and doubles; write the "
                    + "number as a string")
        }
        let (overhead, limit) = (ValidatedValue.packetOverhead, connection.server.maximumPacketSize)
        guard dialect.readSize(summary) + (orderingKey?.utf8.count ?? 0) + overhead <= limit else {
            throw MQError(
                .messageTooLarge,
                "the message has \(summary.byteCount) bytes; with its key it must stay \(overhead) below \(limit), the "
                    + "lower of the server's max_allowed_packet and the client's maximumPacketSize")
        }
    }
}
