import ArgumentParser
import FedifyMySQL

struct Sweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes the rows of expired entries and prints their number.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        let removed = try await store.withStore { kv in
            try await store.checkClock(of: kv)
            return try await kv.deleteExpired()
        }
        try output.write(["removed": removed], "\(removed)")
    }
}
