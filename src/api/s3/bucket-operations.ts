/**
 * Buckets: ListBuckets, HeadBucket, CreateBucket, DeleteBucket, GetBucketLocation, GetBucketVersioning. Every name that can be
 * a bucket's is one, empty until something is put into it: nothing is there to make or remove.
 */
import type { S3Call } from "./s3-call.ts";
import { bucketOf, documentOf } from "./s3-call.ts";
import { S3Error } from "./s3-error.ts";
import { S3_PATH } from "./s3-path.ts";
import { xmlResponse } from "./xml.ts";

export const OWNER = { ID: "orla", DisplayName: "orla" } as const;

export async function listBuckets({ objects }: S3Call): Promise<Response> {
  const buckets = await objects.buckets();
  const Bucket = buckets.map(({ name, since }) => ({
    Name: name,
    CreationDate: since.toISOString(),
  }));
  return xmlResponse("ListAllMyBucketsResult", { Owner: OWNER, Buckets: { Bucket } });
}

export function headBucket(call: S3Call): Promise<Response> {
  bucketOf(call);
  return Promise.resolve(new Response(null));
}

export async function createBucket(call: S3Call): Promise<Response> {
  const bucket = bucketOf(call);
  // It says the region, and all are one here.
  await documentOf(call);
  return new Response(null, { headers: { location: `${S3_PATH}/${bucket}` } });
}

export async function deleteBucket(call: S3Call): Promise<Response> {
  const bucket = bucketOf(call);
  const { objects } = await call.objects.list(bucket, {
    ...{ prefix: "", delimiter: null, from: { at: "" }, limit: 1 },
  });
  if (objects.length > 0) {
    throw new S3Error("BucketNotEmpty", `The bucket ${bucket} has objects.`);
  }
  return new Response(null, { status: 204 });
}

/** Empty where there never were versions. */
export function bucketVersioning(call: S3Call): Promise<Response> {
  bucketOf(call);
  return Promise.resolve(xmlResponse("VersioningConfiguration", {}));
}

/** Empty for the region that clients take when none is said. */
export function bucketLocation(call: S3Call): Promise<Response> {
  bucketOf(call);
  return Promise.resolve(xmlResponse("LocationConstraint", {}));
}
