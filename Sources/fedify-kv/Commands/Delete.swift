import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyMySQL

struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Deletes an entry, if there is one.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var key: KeyArguments

    @Flag(help: "Delete all entries whose keys begin with these components.")
    var prefix = false

    func run() async throws {
        try await store.withStore { kv in
            if prefix {
                let deleted = try await kv.delete(prefix: key.kvKey)
                try output.write(["deleted": deleted])
            } else {
                try await kv.delete(key.kvKey)
                try output.write(["ok": true])
            }
        }
    }
}
