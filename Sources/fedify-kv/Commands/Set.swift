import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL
import Foundation

struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stores a value.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var ttl: TTLArguments
    @OptionGroup var key: KeyArguments

    @Option(parsing: .unconditional, help: "The value as JSON. Default: standard input.")
    var value: String?

    @Flag(help: "Keep the entry's expiry.")
    var keepExpiry = false

    func validate() throws {
        if keepExpiry, ttl.ttl != nil { throw ValidationError("--keep-expiry and --ttl exclude each other.") }
    }

    func run() async throws {
        let value = try JSONValue(checking: value ?? Self.standardInput())
        try await store.withStore(creatingTable: true) { kv in
            if keepExpiry {
                try await kv.setKeepingExpiry(key.kvKey, value)
            } else {
                try await kv.set(key.kvKey, value, ttl: ttl.duration())
            }
        }
        try output.write(["ok": true])
    }

    private static func standardInput() throws -> String {
        let data = try FileHandle.standardInput.readToEnd() ?? Data()
        guard let text = String(validating: data, as: UTF8.self) else {
            throw KvError(.invalidValue, "the value on standard input isn't UTF-8")
        }
        return text
    }
}
