/** Where clients of S3 find the node's buckets. */
export const S3_PATH = "/storage/v1/s3";
