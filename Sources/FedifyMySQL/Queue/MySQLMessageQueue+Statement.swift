public import FedifyMQ
import MySQLClient

extension MySQLMessageQueue {
    /// A statement and what is bound to its parameters.
    public struct Statement: Sendable, Equatable {
        /// A value bound to a `?`.
        public enum Parameter: Sendable, Equatable {
            /// Text in UTF-8.
            case text(String)
            /// A signed integer of 64 bits.
            case integer(Int64)
            /// SQL's NULL.
            case null
        }

        /// The statement, with a `?` for each parameter.
        public let sql: String
        /// The parameters, in the order of the `?`.
        public let parameters: [Parameter]
    }

    /// The statement that enqueues messages, for a transaction of the caller's own, on whatever connection to the same
    /// database holds it: the messages are there if and when that transaction is committed.
    ///
    /// The connection's character set must be utf8mb4. Listeners see the messages at their next look; one in this
    /// process is not woken. A server that can't keep a message as it is may refuse it, or, for numbers beyond 64 bits
    /// and doubles on MySQL, round it.
    ///
    /// - Parameters:
    ///   - messages: The messages, at least one and at most 1000, encoded by ``coding``; a `JSONValue` as it is.
    ///   - delay: How long they are not to be delivered, from the time of the statement.
    ///   - orderingKey: As in ``enqueue(_:delay:orderingKey:)``.
    /// - Returns: The statement. Don't run it twice: the messages have IDs, and a second run fails with error 1062.
    /// - Throws: `MQError` `invalidMessage`, `invalidDelay`, `invalidOrderingKey`, or `invalidConfiguration` for none or
    ///   too many messages.
    public func insertStatement<Message: Encodable>(
        for messages: [Message], delay: Duration = .zero, orderingKey: String? = nil
    ) throws(MQError) -> Statement {
        guard (1...1000).contains(messages.count) else {
            throw MQError(.invalidConfiguration, "a statement enqueues from 1 to 1000 messages")
        }
        var values: [JSONValue] = []
        for message in messages {
            do {
                values.append(try coding.encode(message))
            } catch {
                throw MQError(.invalidMessage, "the message can't be written as JSON", underlyingError: error)
            }
        }
        let requests = try requests(values, delay, orderingKey)
        return Statement(
            sql: statements.insert(rows: requests.count),
            parameters: requests.flatMap(\.parameters).map { parameter in
                switch parameter {
                case .text(let text): .text(text)
                case .integer(let number): .integer(number)
                case .null: .null
                }
            })
    }
}
