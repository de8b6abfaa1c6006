import Foundation
import Support

/// A proxy between the contestants and a server that makes round trips longer. It ends with the last reference to it.
final class DelayProxy {
    /// Where it listens, on 127.0.0.1.
    let port: Int
    private let process = Process()
    private let input = Pipe()

    init(to url: URLComponents, roundTrip: Int) throws {
        let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let output = Pipe()
        process.executableURL = folder.appending(component: "delay-proxy")
        process.arguments = [url.host ?? "", "\(url.port ?? 3306)", "\(roundTrip / 2)"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(description: "the delaying proxy doesn't listen")
        }
        self.port = port
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
