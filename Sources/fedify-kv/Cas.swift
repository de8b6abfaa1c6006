import ArgumentParser
import FedifyKv
import FedifyMySQL

struct Cas: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a value in the place of another, in one step; exits with 1 if the entry was not as expected.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var ttl: TTLArguments
    @OptionGroup var key: KeyArguments

    @Option(help: "What must be there, as JSON; nothing, if left out.")
    var expected: String?

    @Option(help: "What is to be there, as JSON; nothing, if left out.")
    var new: String?

    func run() async throws {
        let swapped = try await store.open().cas(
            key.kvKey,
            expected: expected.map { json throws(KvError) in try KvValue(json: json) },
            new: new.map { json throws(KvError) in try KvValue(json: json) },
            ttl: ttl.duration())
        if !swapped { throw ExitCode(1) }
    }
}
