import CommandLineSupport
import ArgumentParser
import FedifyKv
import FedifyKvPipe
import FedifyMySQL

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the value of a key; exits with 1 if there is none.")

    @OptionGroup var store: StoreArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var key: KeyArguments

    func run() async throws {
        guard let value = try await store.withStore({ try await $0.get(key.kvKey) }) else {
            try output.write(["found": false])
            throw ExitCode(1)
        }
        let text = value.oneLine
        try StandardOutput.shared.writeLine(output.json ? "{\"found\":true,\"value\":\(text)}" : text)
    }
}
