import FedifyKv
package import FedifyMQ
import MySQLClient

extension MQError {
    /// The error of an operation on the queue's table. Tables of both kinds share what happens to their requests.
    init(_ error: KvError) {
        let code: Code =
            switch error.code {
            case .unsupportedValue, .invalidValue: .unsupportedMessage
            case .valueTooLarge: .messageTooLarge
            case .invalidTTL: .invalidDelay
            case .outcomeUnknown: .deadlineExceeded
            default: Code(rawValue: error.code.rawValue)
            }
        let message =
            switch code {
            case .unsupportedMessage: error.message.replacing("this value", with: "this message")
            case .messageTooLarge: "the message is larger than the server's max_allowed_packet"
            case .invalidDelay: "the delay ends past the year 9999"
            case .closed: "the queue or its pool is closed; nothing was sent"
            default: error.message
            }
        self.init(
            code, message, mayHaveBeenApplied: error.mayHaveBeenApplied, underlyingError: error.underlyingError)
    }

    /// Any error of an operation.
    package init(wrapping error: any Error) {
        self =
            switch error {
            case let error as MQError: error
            case let error as MySQLError: MQError(KvError(error, isRepeatable: true))
            default: MQError(KvError(wrapping: error))
            }
    }
}
