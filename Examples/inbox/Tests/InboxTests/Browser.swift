import Foundation
import Testing

/// A real browser without a window: Chromium.
enum Browser {
    struct Missing: Error, CustomStringConvertible {
        let description = "there is no Chromium: Scripts/install.sh browser installs it, CHROMIUM names another"
    }

    /// The page as it is after some seconds of its own time, as HTML.
    static func page(_ url: String, seconds: Int) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "inbox-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let output = folder.appending(path: "page.html")
        try Data().write(to: output)
        let process = Process()
        process.executableURL = try program()
        process.arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--user-data-dir=\(folder.path)/profile", "--virtual-time-budget=\(seconds * 1000)", "--dump-dom", url,
        ]
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                process.terminationHandler = { _ in continuation.resume() }
                do { try process.run() } catch { continuation.resume(throwing: error) }
            }
        } onCancel: {
            process.terminate()
        }
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }

    private static func program() throws -> URL {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["CHROMIUM"] { return URL(filePath: named) }
        let macOS = ["/Applications/Chromium.app/Contents/MacOS", "/Applications/Google Chrome.app/Contents/MacOS"]
        for folder in (environment["PATH"] ?? "").split(separator: ":").map(String.init) + macOS {
            for name in ["chromium", "chromium-browser", "google-chrome", "Chromium", "Google Chrome"] {
                let path = "\(folder)/\(name)"
                if FileManager.default.isExecutableFile(atPath: path) { return URL(filePath: path) }
            }
        }
        throw Missing()
    }
}
