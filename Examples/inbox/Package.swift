// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "inbox",
    platforms: [.macOS(.v15)],
    dependencies: [
        // The store; the trait is the neighbour's, so that both examples share what was built.
        .package(name: "fedify-kv-swift", path: "../..", traits: [.defaults, "Hummingbird"]),
        // The server.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.15.0"),
        // Fetches actors, from an address that was looked at before.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        // Resolves names, and classifies addresses.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .executableTarget(
            name: "inbox",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            resources: [.embedInCode("status.html")]
        ),
        .testTarget(
            name: "InboxTests",
            dependencies: ["inbox", .product(name: "HummingbirdTesting", package: "hummingbird")]
        ),
    ]
)
