import FedifyKv
import FedifyKvPipe
import FedifyMySQL

/// A line of `export` and `import`: {"key":[…],"value":…,"expires":1764000000.123456}.
enum RecordLine {
    struct Malformed: Error {
        let reason: String
    }

    /// The text of an entry.
    static func text(_ record: MySQLKvStore.Record) -> String {
        let entry = "{\"key\":\(record.key.serialized),\"value\":\(record.value.oneLine)"
        guard let expires = record.expires else { return entry + "}" }
        let (seconds, rest) = expires.quotientAndRemainder(dividingBy: 1_000_000)
        return entry + ",\"expires\":\(seconds).\(String(1_000_000 + rest).dropFirst())}"
    }

    /// Reads a line.
    ///
    /// - Parameters:
    ///   - line: UTF-8.
    ///   - now: The server's time, in microseconds since 1970.
    /// - Returns: The entry; nil if it has expired.
    /// - Throws: ``Malformed``, without any part of the line.
    static func record(_ line: [UInt8], now: Int64) throws -> MySQLKvStore.Record? {
        guard let text = String(validating: line, as: UTF8.self) else { throw Malformed(reason: "it isn't UTF-8") }
        guard let document = try? JSONDocument(text), let members = document.members() else {
            throw Malformed(reason: "it isn't a JSON object")
        }
        for name in members.keys where !["key", "value", "expires", "ttl"].contains(name) {
            throw Malformed(reason: "it has a member other than key, value, expires and ttl")
        }
        guard let key = members["key"], let components = try JSONDocument(key).strings(), !components.isEmpty else {
            throw Malformed(reason: "its key is not an array of strings, or is empty")
        }
        guard let value = members["value"] else { throw Malformed(reason: "it has no value") }
        func microseconds(_ name: String) throws -> Int64? {
            guard let text = members[name], text != "null" else { return nil }
            guard let number = decimal(text) else { throw Malformed(reason: "its \(name) is not a number of seconds") }
            return number
        }
        let (expires, ttl) = (try microseconds("expires"), try microseconds("ttl"))
        if let left = ttl ?? expires.map({ $0 - now }), left <= 0 { return nil }
        return MySQLKvStore.Record(
            key: KvKey(components), value: JSONValue(uncheckedJSON: value), ttl: ttl.map { .microseconds($0) },
            expires: expires)
    }

    /// A number of seconds in microseconds, exact to the last digit.
    private static func decimal(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = Int64(parts[0]), abs(seconds) < 1 << 42 else { return nil }
        guard parts.count == 2 else { return seconds * 1_000_000 }
        let digits = parts[1].prefix(6)
        guard !digits.isEmpty, parts[1].allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        let fraction = Int64(digits + String(repeating: "0", count: 6 - digits.count)) ?? 0
        return seconds * 1_000_000 + (text.hasPrefix("-") ? -fraction : fraction)
    }
}
