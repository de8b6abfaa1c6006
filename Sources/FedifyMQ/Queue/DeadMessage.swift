/// A message that is not delivered any more: it is out of attempts, or was rejected.
public struct DeadMessage: Sendable {
    /// The identity of the message.
    public let id: String
    /// The message.
    public let message: JSONValue
    /// Its ordering key.
    public let orderingKey: String?
    /// How often it was delivered.
    public let attempts: Int
    /// The error of the last handler, or its reason to reject the message: at most 1000 characters.
    public let reason: String

    /// For authors of queues.
    package init(id: String, message: JSONValue, orderingKey: String?, attempts: Int, reason: String) {
        self.id = id
        self.message = message
        self.orderingKey = orderingKey
        self.attempts = attempts
        self.reason = reason
    }
}
