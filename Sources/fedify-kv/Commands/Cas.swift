import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL

struct Cas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replaces a value atomically; exits with 1 if the entry was not as expected.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var ttl: TTLArguments
    @OptionGroup var key: KeyArguments

    @Option(parsing: .unconditional, help: "The expected value as JSON. Default: no entry.")
    var expected: String?

    @Option(parsing: .unconditional, help: "The new value as JSON. Default: no entry.")
    var new: String?

    func run() async throws {
        let expected = try expected.map { json throws(KvError) in try JSONValue(checking: json) }
        let new = try new.map { json throws(KvError) in try JSONValue(checking: json) }
        let life = try ttl.duration()
        let swapped = try await store.withStore(creatingTable: true) { kv in
            try await kv.cas(key.kvKey, expected: expected, new: new, ttl: life)
        }
        try output.write(["swapped": swapped])
        if !swapped { throw ExitCode(1) }
    }
}
