package import FedifyMQ
package import PipeSupport

/// A request of `fedify-mq pipe`: one line of JSON.
package struct MQPipeRequest: Sendable {
    package enum Operation: Sendable, Equatable {
        case enqueue([JSONValue], delay: Duration, orderingKey: String?)
        case depth
        case listen(concurrency: Int)
        case settle(messageID: String, Outcome)
    }

    /// What became of a message.
    package enum Outcome: Sendable, Equatable {
        case done
        /// nil: after the usual pause; without a reason.
        case retry(after: Duration?, reason: String?)
        case reject(reason: String?)
    }

    /// Why a line is not a request.
    package typealias Malformed = PipeLine.Malformed

    private let line: PipeLine

    /// The id's JSON text, which the answer repeats; `null` if there was none.
    package var id: String { line.id }

    /// - Throws: ``Malformed`` if the line isn't a JSON object.
    package init(_ line: [UInt8]) throws(Malformed) {
        self.line = try PipeLine(line)
    }

    /// The operation.
    ///
    /// - Throws: ``Malformed``, or `MQError` `invalidDelay`.
    package func operation() throws -> Operation {
        var members = Members(line.members)
        let operation = try Self.operation(&members)
        try PipeLine.checkIsEmpty(members.texts)
        return operation
    }

    private static func operation(_ members: inout Members) throws -> Operation {
        switch try members.string("op") {
        case "enqueue":
            let message = try members.required("message")
            return .enqueue(
                [JSONValue(uncheckedJSON: message)], delay: try members.duration("delay") ?? .zero,
                orderingKey: try members.string("orderingKey"))
        case "enqueueMany":
            guard let messages = try JSONDocument(members.required("messages")).elements() else {
                throw Malformed(message: "the member messages must be an array")
            }
            return .enqueue(
                messages.map(JSONValue.init(uncheckedJSON:)), delay: try members.duration("delay") ?? .zero,
                orderingKey: try members.string("orderingKey"))
        case "depth": return .depth
        case "listen":
            guard let concurrency = try Int(members.take("concurrency") ?? "16"), (1...10_000).contains(concurrency)
            else {
                throw Malformed(message: "the member concurrency must be an integer from 1 to 10000")
            }
            return .listen(concurrency: concurrency)
        case "settle":
            guard let id = try members.string("messageId") else {
                throw Malformed(message: "the member messageId is missing")
            }
            return .settle(messageID: id, try outcome(&members))
        default:
            throw Malformed(message: "the member op must be one of enqueue, enqueueMany, depth, listen, settle")
        }
    }

    private static func outcome(_ members: inout Members) throws -> Outcome {
        switch try members.string("outcome") {
        case "done": return .done
        case "retry":
            return .retry(after: try members.duration("after"), reason: try members.string("reason"))
        case "reject": return .reject(reason: try members.string("reason"))
        default: throw Malformed(message: "the member outcome must be one of done, retry, reject")
        }
    }
}

/// The members of a request that are not used yet.
private struct Members {
    private(set) var texts: [String: String]

    init(_ texts: [String: String]) {
        self.texts = texts
    }

    /// nil: there is none, or it is null.
    mutating func take(_ name: String) throws -> String? {
        let text = texts.removeValue(forKey: name)
        return text == "null" ? nil : text
    }

    /// A member that may be any JSON, null included.
    mutating func required(_ name: String) throws -> String {
        guard let text = texts.removeValue(forKey: name) else {
            throw PipeLine.Malformed(message: "the member \(name) is missing")
        }
        return text
    }

    mutating func string(_ name: String) throws -> String? {
        guard let text = try take(name) else { return nil }
        guard let string = try JSONDocument(text).string() else {
            throw PipeLine.Malformed(message: "the member \(name) must be a string, without lone surrogates")
        }
        return string
    }

    mutating func duration(_ name: String) throws -> Duration? {
        guard let text = try take(name) else { return nil }
        guard let seconds = Double(text) else {
            throw PipeLine.Malformed(message: "the member \(name) must be a number of seconds")
        }
        guard seconds >= 0 else { throw MQError(.invalidDelay, "the member \(name) is negative") }
        guard seconds < 1e12 else { throw MQError(.invalidDelay, "the member \(name) ends past the year 9999") }
        return .seconds(seconds)
    }
}
