import Foundation

/// A program of this package, in a process of its own.
package struct ChildProcess {
    private let process = Process()
    private let pipe = Pipe()

    /// Starts one.
    ///
    /// - Parameters:
    ///   - arguments: Its arguments.
    ///   - program: Its path, or its name in the folder of this program; nil: this program.
    ///   - environment: What it finds in its environment beside our own.
    /// - Throws: What the system says if there is no such program.
    package init(_ arguments: [String], program: String? = nil, environment: [String: String] = [:]) throws {
        let own = URL(filePath: CommandLine.arguments[0])
        process.executableURL = program.map { URL(filePath: $0, relativeTo: own.deletingLastPathComponent()) } ?? own
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = pipe
        try process.run()
    }

    /// Waits for its end.
    ///
    /// - Returns: All that it printed.
    /// - Throws: ``Failure`` if it failed.
    package func output() throws -> Data {
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let name = process.executableURL?.lastPathComponent ?? ""
            throw Failure(description: "\(name) ended with \(process.terminationStatus)")
        }
        return data
    }
}
