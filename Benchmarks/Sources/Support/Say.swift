import Foundation

/// What goes on, for people who wait; standard output is for the report.
package func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
