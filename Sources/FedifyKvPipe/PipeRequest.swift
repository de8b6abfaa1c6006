package import FedifyKv
package import PipeSupport

/// A request of `fedify-kv pipe`: one line of JSON.
package struct PipeRequest: Sendable {
    package enum Operation: Sendable {
        case get(KvKey)
        case set(KvKey, JSONValue, ttl: Duration?)
        case delete(KvKey)
        case cas(KvKey, expected: JSONValue?, new: JSONValue?, ttl: Duration?)
        case list(KvKey)
        case count(KvKey)
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
    /// - Throws: ``Malformed``, or ``KvError`` `invalidTTL`.
    package func operation() throws -> Operation {
        var members = line.members
        let operation = try Self.operation(&members)
        try PipeLine.checkIsEmpty(members)
        return operation
    }

    private static func operation(_ members: inout [String: String]) throws -> Operation {
        let name = try members.removeValue(forKey: "op").flatMap { try JSONDocument($0).string() }
        switch name {
        case "get": return .get(try key("key", &members))
        case "set":
            guard let value = value("value", &members) else { throw Malformed(message: "the member value is missing") }
            return .set(try key("key", &members), value, ttl: try ttl(&members))
        case "delete": return .delete(try key("key", &members))
        case "cas":
            return .cas(
                try key("key", &members), expected: value("expected", &members), new: value("new", &members),
                ttl: try ttl(&members))
        case "list": return .list(try prefix(&members))
        case "count": return .count(try prefix(&members))
        default: throw Malformed(message: "the member op must be one of get, set, delete, cas, list, count")
        }
    }

    private static func key(_ name: String, _ members: inout [String: String]) throws -> KvKey {
        guard let text = members.removeValue(forKey: name) else {
            throw Malformed(message: "the member \(name) is missing")
        }
        guard let components = try JSONDocument(text).strings() else {
            throw Malformed(message: "the member \(name) must be an array of strings, without lone surrogates")
        }
        return KvKey(components)
    }

    private static func prefix(_ members: inout [String: String]) throws -> KvKey {
        members["prefix"] == nil ? [] : try key("prefix", &members)
    }

    /// A value that was part of a checked document.
    private static func value(_ name: String, _ members: inout [String: String]) -> JSONValue? {
        members.removeValue(forKey: name).map(JSONValue.init(uncheckedJSON:))
    }

    private static func ttl(_ members: inout [String: String]) throws -> Duration? {
        guard let text = members.removeValue(forKey: "ttl"), text != "null" else { return nil }
        guard let seconds = Double(text) else { throw Malformed(message: "the member ttl must be a number of seconds") }
        return try Duration(ttlSeconds: seconds)
    }
}

extension Duration {
    /// - Throws: ``KvError`` `invalidTTL` for anything but a finite number of seconds; the store checks the rest.
    package init(ttlSeconds seconds: Double) throws(KvError) {
        guard seconds.isFinite, abs(seconds) < 1e15 else { throw TimeToLive.tooLong }
        self = .seconds(seconds)
    }
}
